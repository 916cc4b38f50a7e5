"""What receivers of metrics share: the pipeline, and decoders that remember something between requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nexus.pipeline.decode import native_module
from nexus.pipeline.metrics import MetricPipeline
from nexus.pipeline.push_groups import PushGroups

if TYPE_CHECKING:
    from nexus.config import OtlpMetricsConfig


@dataclass(slots=True)
class MetricIntake:
    """See the module text. `otlp` is the native `OtlpMetrics`: over whichever port deltas come, they add up."""

    pipeline: MetricPipeline
    otlp: Any
    groups: PushGroups


def otlp_decoder(config: OtlpMetricsConfig) -> Any:
    """The native decoder of OTLP metrics as configured."""
    return native_module().OtlpMetrics(
        strategy=config.translation_strategy,
        promoted=config.promote_resource_attributes,
        keep_identifying=config.keep_identifying_resource_attributes,
        scope_labels=config.promote_scope_metadata,
        custom_buckets=config.convert_histograms_to_nhcb,
        delta_bytes=int(config.delta_bytes),
    )
