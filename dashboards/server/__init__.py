"""Streamlit's entry point: the menu of the pages, and the guard in front of them. Theme and icons are in this folder."""
