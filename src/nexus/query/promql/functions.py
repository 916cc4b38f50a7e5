"""What functions and aggregations PromQL has: types of their arguments, of their results, and what each does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.query.promql.ast import Type

_S, _V, _M, _T = Type.SCALAR, Type.VECTOR, Type.MATRIX, Type.STRING


@dataclass(frozen=True, slots=True)
class Function:
    """A signature. `variadic`: how many arguments may be left out or repeated of the last kind (-1: repeated at will; 0:
    the number is fixed)."""

    name: str
    arguments: tuple[Type, ...]
    variadic: int = 0
    result: Type = _V
    experimental: bool = False


_OVER_TIME: Final = (
    "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate last_over_time"
    " max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time"
)
_OF_VECTOR: Final = (
    "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count histogram_stddev"
    " histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan tanh timestamp"
)
_OF_TIME: Final = "day_of_month day_of_week day_of_year days_in_month hour minute month year"
_ALL: Final = (
    *(Function(name, (_M,)) for name in _OVER_TIME.split()),
    *(Function(name, (_V,)) for name in _OF_VECTOR.split()),
    *(Function(name, (_V,), 1) for name in _OF_TIME.split()),
    *(
        Function(name, (_M,), experimental=True)
        for name in ("mad_over_time", "ts_of_first_over_time", "ts_of_last_over_time", "ts_of_max_over_time")
    ),
    Function("ts_of_min_over_time", (_M,), experimental=True),
    *(Function(name, (), result=_S, experimental=True) for name in ("end", "range", "start", "step")),
    *(Function(name, (_S, _S), result=_S, experimental=True) for name in ("max_of", "min_of")),
    *(Function(name, (_V, _T), -1, experimental=True) for name in ("sort_by_label", "sort_by_label_desc")),
    Function("clamp", (_V, _S, _S)),
    Function("clamp_max", (_V, _S)),
    Function("clamp_min", (_V, _S)),
    Function("double_exponential_smoothing", (_M, _S, _S), experimental=True),
    Function("histogram_fraction", (_S, _S, _V)),
    Function("histogram_quantile", (_S, _V)),
    Function("histogram_quantiles", (_V, _T, _S, _S), 9, experimental=True),
    Function("info", (_V, _V), 1, experimental=True),
    Function("label_join", (_V, _T, _T, _T), -1),
    Function("label_replace", (_V, _T, _T, _T, _T)),
    Function("pi", (), result=_S),
    Function("predict_linear", (_M, _S)),
    Function("quantile_over_time", (_S, _M)),
    Function("round", (_V, _S), 1),
    Function("scalar", (_V,), result=_S),
    Function("start_timestamp", (_V,), experimental=True),
    Function("time", (), result=_S),
    Function("vector", (_S,)),
)
FUNCTIONS: Final[dict[str, Function]] = {one.name: one for one in sorted(_ALL, key=lambda one: one.name)}

AGGREGATIONS: Final = frozenset(
    {"avg", "bottomk", "count", "count_values", "group", "limit_ratio", "limitk", "max", "min", "quantile", "stddev"}
    | {"stdvar", "sum", "topk"}
)
WITH_PARAMETER: Final = frozenset({"topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio"})
