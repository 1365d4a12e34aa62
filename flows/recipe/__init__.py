"""Recipes and profiles: what may be written in them, and how they are read."""

from flows.recipe.load import LoadedRecipe, load_recipe, resolve_recipe
from flows.recipe.methods import MethodSpec, resolve
from flows.recipe.profile import Profile, load_profile
from storage.ground.recipe_steps import IMPORTED

__all__ = [
    "IMPORTED",
    "LoadedRecipe",
    "MethodSpec",
    "Profile",
    "load_profile",
    "load_recipe",
    "resolve",
    "resolve_recipe",
]
