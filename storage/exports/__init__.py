"""Exports: files that a trainer reads, made from one published version. One format per file, one line per format here."""

from storage.exports.pairs import Pairs
from storage.exports.registry import EXPORTS, export, parsed
from storage.exports.sft import Sft
from storage.exports.write import Export, Exported, export_rows

__all__ = ["EXPORTS", "Export", "Exported", "Pairs", "Sft", "export", "export_rows", "parsed"]
