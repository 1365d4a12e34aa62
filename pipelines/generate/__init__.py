"""Generation engines; `registry` names them. Importing this package loads none, so that a draw worker starts fast."""
