"""Sphinx settings; tables are written from the code, and the tutorials executed, at every build.

To build without executing them: ``sphinx-build -D nb_execution_mode=off docs docs/_build``.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from generate import write_generated  # noqa: E402

write_generated(HERE / "generated")

project = "bayesal"
author = "the bayesal developers"
copyright = "2026, the bayesal developers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # seconds a cell
nb_output_stderr = "remove"
exclude_patterns = ["_build", "generated/*.md"]
html_theme = "furo"
html_title = "bayesal"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
suppress_warnings = ["myst.xref_missing"]
