"""Editors by name: changes of a text without a model. One file per family; the engine `edit` applies them.

EDITORS["digit"]("2 * 3 = 6\\n#### 6", random.Random(0)).text
"""

from collections.abc import Mapping

from rollmill.ground.by_name import ByName
from rollmill.pipelines.edit.answer_errors import PLANTED
from rollmill.pipelines.edit.editing import CannotEdit, Editor
from rollmill.pipelines.edit.error_types import ERROR_TYPES
from rollmill.pipelines.edit.failing_example import EXAMPLES
from rollmill.pipelines.edit.generalised import GENERALISED
from rollmill.pipelines.edit.known_texts import KNOWN
from rollmill.pipelines.edit.lines import LINES
from rollmill.pipelines.edit.lintseq import LINTSEQ
from rollmill.pipelines.edit.thoughts import THOUGHTS

EDITORS: Mapping[str, Editor] = ByName(
    {
        **PLANTED,
        **LINES,
        **KNOWN,
        **GENERALISED,
        **ERROR_TYPES,
        **EXAMPLES,
        **LINTSEQ,
        **THOUGHTS,
    }
)

__all__ = ["EDITORS", "CannotEdit", "Editor"]
