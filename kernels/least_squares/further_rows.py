"""What is in the rows of a residual beside the model: controls that errors go with, and priors."""

from kernels.numeric.jit_apart import jit_apart


@jit_apart("none", rare=True)
def add_control(coefficient, column, control, residual, jacobian):
    """Take what goes with a control ``(observation,)`` out of the errors; rows are model less target."""
    for r in range(control.size):
        residual[r] += coefficient * control[r]
    if column >= 0:
        for r in range(control.size):
            jacobian[column, r] = control[r]


@jit_apart("none")
def write_prior(prior_mean, prior_weight, theta, column, start, residual, jacobian):
    """Write the rows of the priors, from ``start`` on."""
    r = start
    for p in range(column.size):
        if column[p] >= 0 and prior_weight[p] > 0.0:
            residual[r] = prior_weight[p] * (theta[p] - prior_mean[p])
            for c in range(jacobian.shape[0]):
                jacobian[c, r] = 0.0
            jacobian[column[p], r] = prior_weight[p]
            r += 1
