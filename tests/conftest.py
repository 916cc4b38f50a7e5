"""What every test shares: property tests have no deadline, because a busy machine is no defect."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("nexus", deadline=None)
settings.load_profile("nexus")
