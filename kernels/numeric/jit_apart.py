"""Kernels that are compiled by themselves, and called by their address.

Numba links a function's code into each of its callers, and optimises and translates it again there: with five
levels of large functions that is most of the time of a compilation. A function decorated with `jit_apart` is
compiled once; its callers ask for its address on their first call, through a name that stays the same from
process to process, so that callers can be kept on disk. Nothing is inlined across such a call: it is for
functions that do much more than a call costs.
"""

import ctypes
import importlib
import pickle
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

import llvmlite.binding
import llvmlite.ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature

from kernels.numeric.jit import jit, jit_enabled, jit_making_arrays

_RESOLVER = "beed_address_of_kernel"
# No addresses, but what compiled code is told where there is none.
_FAILED, _INTERRUPTED = 0, 1
_BY_NAME: dict[tuple[str, str], Any] = {}
"""Functions of `jit_apart`, by module and name."""
_KEPT: dict[int, Any] = {}
"""Code whose address was given away, by the address: it must outlive its function."""


def jit_apart(
    returns: str | None = None, *, makes_arrays: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function as `kernels.numeric.jit.jit` does, but by itself: its callers hold its address.

    Parameters
    ----------
    returns : str, optional
        Name of the numba type of what the function returns. Then its callers are compiled without it, and it
        is compiled when it is first called. Default: it is compiled with its first caller, for its type.
    makes_arrays : bool
        Whether it makes arrays, or returns some: see `kernels.numeric.jit.jit_making_arrays`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if not jit_enabled():
            return function
        compiled: Any = jit_making_arrays(function) if makes_arrays else jit(function)

        @wraps(function)
        def apart(*arguments: Any) -> Any:
            return compiled(*arguments)

        apart.compiled = compiled  # type: ignore[attr-defined]
        apart.returns = None if returns is None else getattr(types, returns)  # type: ignore[attr-defined]
        _BY_NAME[function.__module__, function.__qualname__] = apart
        _let_compiled_code_call(apart)
        return apart

    return decorate


def _compiled(apart: Any, arguments: tuple[types.Type, ...], returns: types.Type | None) -> Any:
    """Compile, or load from disk, a function of `jit_apart` for these types, None being any."""
    apart.compiled.compile(arguments)
    overload = apart.compiled.overloads[arguments]
    returned = overload.signature.return_type
    if returns not in (None, returned):
        raise TypeError(f"{apart.__qualname__} is said to return {returns}; it returns {returned}.")
    return overload


def _let_compiled_code_call(apart: Any) -> None:
    """Tell numba the type of a call of ``apart`` in compiled code, and how it is made."""

    class Call(AbstractTemplate):
        key = apart

        def generic(self, args: tuple[types.Type, ...], kws: Any) -> Any:
            arguments = tuple(map(types.unliteral, args))
            returns = apart.returns or _compiled(apart, arguments, None).signature.return_type
            return None if kws else signature(returns, *arguments)

    def lower(context: Any, builder: Any, call: Any, values: Any) -> Any:
        kind = context.call_conv.get_function_type(call.return_type, call.args).as_pointer()
        callee = builder.inttoptr(_address(context, builder, apart, call), kind)
        status, result = context.call_conv.call_function(builder, callee, call.return_type, call.args, values)
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return result

    infer_global(apart, types.Function(Call))
    lower_builtin(apart, types.VarArg(types.Any))(lower)


def _address(context: Any, builder: Any, apart: Any, call: Any) -> Any:
    """Emit: the address that this module holds, asked for where it holds none yet."""
    module, word = builder.module, llvmlite.ir.IntType(64)
    held = cgutils.add_global_variable(module, word, module.get_unique_name("address"))
    held.linkage, held.initializer, held.align = "internal", word(0), 8
    found = cgutils.alloca_once(builder, word)
    builder.store(builder.load_atomic(held, "acquire", 8), found)
    with cgutils.if_unlikely(builder, builder.icmp_unsigned("==", builder.load(found), word(0))):
        text = pickle.dumps((apart.__module__, apart.__qualname__, call.args, call.return_type))
        resolver = cgutils.get_or_insert_function(
            module, llvmlite.ir.FunctionType(word, [cgutils.voidptr_t, word]), _RESOLVER
        )
        address = builder.call(resolver, [context.insert_const_bytes(module, text), word(len(text))])
        message = f"The kernel {apart.__qualname__} could not be compiled: its error is printed above."
        for answer, error, texts in (
            (_FAILED, RuntimeError, (message,)),
            (_INTERRUPTED, KeyboardInterrupt, None),
        ):
            with cgutils.if_unlikely(builder, builder.icmp_unsigned("==", address, word(answer))):
                context.call_conv.return_user_exc(builder, error, texts)
        builder.store_atomic(address, held, "release", 8)
        builder.store(address, found)
    return builder.load(found)


@ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)
def _resolve(text: int, size: int) -> int:
    """Give the address to compiled code, which names the function and the types of its arguments.

    An error here is printed, and `_FAILED` returned: an exception cannot pass through compiled code.
    """
    try:
        module, name, arguments, returns = pickle.loads(ctypes.string_at(text, size))
        importlib.import_module(module)
        overload = _compiled(_BY_NAME[module, name], arguments, returns)
        address: int = overload.library.get_pointer_to_function(overload.fndesc.llvm_func_name)
        _KEPT[address] = overload
        return address
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception:
        # What ctypes returns of a function that raises is whatever was in memory.
        traceback.print_exc()
        return _FAILED


llvmlite.binding.add_symbol(_RESOLVER, ctypes.cast(_resolve, ctypes.c_void_p).value)
