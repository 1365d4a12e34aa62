"""A button that copies the address of what is shown, as the browser has it."""

import streamlit as st

_HTML = "<div><button type='button'>Copy link</button></div>"
_CSS = """
div { text-align: right; }
button { font: inherit; color: var(--st-text-color); background: transparent; cursor: pointer; white-space: nowrap;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); padding: 0.4rem 0.75rem; }
button:hover, button:focus-visible { color: var(--st-primary-color); border-color: var(--st-primary-color); }
"""
_JS = """
export default function ({ parentElement }) {
  const button = parentElement.querySelector("button");
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(window.location.href);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy link"; }, 1500);
    } catch { window.prompt("Copy this link", window.location.href); }
  };
}
"""
copy_link = st.components.v2.component("rollmill_copy_link", html=_HTML, css=_CSS, js=_JS)
