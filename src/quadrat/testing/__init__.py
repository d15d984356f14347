"""For tests of studies and of executors: `fake_run`, and the suite that every executor must pass.

The suite is in `quadrat.testing.conformance`; it needs pytest.
"""

from quadrat.testing.fake import fake_run

__all__ = ["fake_run"]
