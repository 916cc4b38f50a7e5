"""Request and answer shapes of the native API. The OpenAPI description and the TypeScript client are generated from it.

Nanosecond times are decimal strings on the wire, because JavaScript numbers cannot hold them; times named `..._at` are
RFC 3339 in UTC, empty when there is none. `from` and `to` accept
epoch numbers (seconds, ms, us, ns by magnitude), RFC 3339, or relative forms such as `now-15m`; the range is half-open.

One module a group of doors; the shapes of the first doors are gathered here.
"""

from __future__ import annotations

from nexus.pipeline.answers import IngestAnswer as IngestAnswer
from nexus.pipeline.answers import LineError as LineError
from nexus.server.api.nexus_v1.schema.errors import (
    ErrorAnswer as ErrorAnswer,
)
from nexus.server.api.nexus_v1.schema.errors import (
    ErrorBody as ErrorBody,
)
from nexus.server.api.nexus_v1.schema.errors import (
    Position as Position,
)
from nexus.server.api.nexus_v1.schema.logs import (
    BoundsAnswer as BoundsAnswer,
)
from nexus.server.api.nexus_v1.schema.logs import (
    CancelAnswer as CancelAnswer,
)
from nexus.server.api.nexus_v1.schema.logs import (
    CountAnswer as CountAnswer,
)
from nexus.server.api.nexus_v1.schema.logs import (
    ExplainAnswer as ExplainAnswer,
)
from nexus.server.api.nexus_v1.schema.logs import (
    ExplainRequest as ExplainRequest,
)
from nexus.server.api.nexus_v1.schema.logs import (
    Facet as Facet,
)
from nexus.server.api.nexus_v1.schema.logs import (
    FacetsAnswer as FacetsAnswer,
)
from nexus.server.api.nexus_v1.schema.logs import (
    FacetsRequest as FacetsRequest,
)
from nexus.server.api.nexus_v1.schema.logs import (
    FacetValue as FacetValue,
)
from nexus.server.api.nexus_v1.schema.logs import (
    FieldInfo as FieldInfo,
)
from nexus.server.api.nexus_v1.schema.logs import (
    FieldsAnswer as FieldsAnswer,
)
from nexus.server.api.nexus_v1.schema.logs import (
    HistogramAnswer as HistogramAnswer,
)
from nexus.server.api.nexus_v1.schema.logs import (
    HistogramRequest as HistogramRequest,
)
from nexus.server.api.nexus_v1.schema.logs import (
    HistogramSeries as HistogramSeries,
)
from nexus.server.api.nexus_v1.schema.logs import (
    IngestStatus as IngestStatus,
)
from nexus.server.api.nexus_v1.schema.logs import (
    LogRecord as LogRecord,
)
from nexus.server.api.nexus_v1.schema.logs import (
    LogsQuery as LogsQuery,
)
from nexus.server.api.nexus_v1.schema.logs import (
    QueryInfo as QueryInfo,
)
from nexus.server.api.nexus_v1.schema.logs import (
    QueryList as QueryList,
)
from nexus.server.api.nexus_v1.schema.logs import (
    SearchAnswer as SearchAnswer,
)
from nexus.server.api.nexus_v1.schema.logs import (
    SearchRequest as SearchRequest,
)
from nexus.server.api.nexus_v1.schema.logs import (
    SqlAnswer as SqlAnswer,
)
from nexus.server.api.nexus_v1.schema.logs import (
    SqlColumn as SqlColumn,
)
from nexus.server.api.nexus_v1.schema.logs import (
    SqlRequest as SqlRequest,
)
from nexus.server.api.nexus_v1.schema.logs import (
    Statistics as Statistics,
)
from nexus.server.api.nexus_v1.schema.logs import (
    Term as Term,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    CatalogAnswer as CatalogAnswer,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    CatalogMetric as CatalogMetric,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    CatalogRequest as CatalogRequest,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    ChartAnswer as ChartAnswer,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    ChartHeatmap as ChartHeatmap,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    ChartSeries as ChartSeries,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    CompletionAnswer as CompletionAnswer,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    ExplainedMatcher as ExplainedMatcher,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    ExplainedPart as ExplainedPart,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    ExplainedSelector as ExplainedSelector,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    LanguageFunction as LanguageFunction,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    MetricsEstimate as MetricsEstimate,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    MetricsExplainAnswer as MetricsExplainAnswer,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    MetricsExplainRequest as MetricsExplainRequest,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    MetricsQueryRequest as MetricsQueryRequest,
)
from nexus.server.api.nexus_v1.schema.metrics import (
    SeriesCost as SeriesCost,
)
from nexus.server.api.nexus_v1.schema.session import (
    ServerInfo as ServerInfo,
)
