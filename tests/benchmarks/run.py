"""All benchmarks, one after another: `make bench`."""

from __future__ import annotations

import file_route
import install_size
import registry
import resolution
import transfers

transfers.main()
file_route.main()
resolution.main()
registry.main()
install_size.main()
