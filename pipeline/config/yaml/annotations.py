"""Which section stands at a location of a document: found from the annotations of the fields."""

from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Tag

from pipeline.config.yaml.document import KeyPath


def section_at(location: KeyPath, root: type[BaseModel]) -> type[BaseModel] | None:
    """Find the section at a location.

    Parameters
    ----------
    location
        As pydantic gives it: keys, positions in lists, tags of unions.
    root
        Section of the whole document.

    Returns
    -------
    type or None
        None when the location is that of a value.
    """
    annotation: Any = root
    for part in location:
        section = _section_in(annotation)
        if section is not None and part in section.model_fields:
            annotation = section.model_fields[str(part)].annotation
        elif annotation is section:
            return None
        elif section is not None:
            # The tag of one section of several, or a name in a table or position in a list of sections.
            annotation = _tagged(annotation, str(part)) or section
    return _section_in(annotation)


def _tagged(annotation: Any, tag: str) -> Any:
    """Find the member of a union of sections that has a tag."""
    if get_origin(annotation) is Annotated and Tag(tag) in annotation.__metadata__:
        return get_args(annotation)[0]
    members = (_tagged(argument, tag) for argument in get_args(annotation))
    return next((member for member in members if member is not None), None)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """Find the first section that an annotation is made of: itself, or that of its items."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        arguments = arguments[:1]
    sections = (_section_in(argument) for argument in arguments)
    return next((section for section in sections if section is not None), None)
