"""All benchmarks, one after another: `make bench`."""

from __future__ import annotations

import install_size
import resolution
import transfers

transfers.main()
resolution.main()
install_size.main()
