"""All benchmarks, one after another: `make bench`."""

from __future__ import annotations

import install_size
import registry
import resolution
import transfers

transfers.main()
resolution.main()
registry.main()
install_size.main()
