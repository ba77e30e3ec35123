"""Amounts of credits."""

from decimal import Decimal

from domain.errors import InvalidInput

MOST_CREDITS = Decimal(10) ** 12
_FRACTION_DIGITS = 6


def require_credits(amount: Decimal, field: str) -> Decimal:
    """The amount, if it is one that can be kept: not negative, below 10¹², with at most 6 fractional digits."""
    exponent = amount.normalize().as_tuple().exponent if amount.is_finite() else None
    if not isinstance(exponent, int) or not 0 <= amount < MOST_CREDITS or exponent < -_FRACTION_DIGITS:
        raise InvalidInput(f"{field} must be 0 or more credits, with at most 6 fractional digits", field=field)
    return amount
