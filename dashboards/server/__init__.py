"""What Streamlit runs: the menu of the pages, and the guard in front of them. Its look and icons lie beside them."""
