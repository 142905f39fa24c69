"""What can be wrong with a job."""


class ArgumentsError(ValueError):
    """The arguments of a job cannot travel. The message quotes none of them."""
