"""The engine `compose`: the filled prompt template is the text. For answers that are joined from earlier ones."""

from collections.abc import Mapping

from rollmill.pipelines.generate.tools.model_free import MadeText, ModelFree, check_named


class Compose(ModelFree):
    """A Generator without a model."""

    engine = "compose"

    def __init__(self, model: str = "compose") -> None:
        """Take the options of a recipe.

        Args:
            model: Always `compose`.
        """
        check_named(self.engine, model)
        super().__init__(model, ["1"])

    def made(self, text: str, options: Mapping[str, str], seed: int) -> MadeText:
        """The text itself."""
        del options, seed
        return MadeText(text)
