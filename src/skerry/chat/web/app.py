"""The script that Streamlit runs for every tab and every click."""

from skerry.chat.web.page import show

show()
