"""One file a theme, one function a case. A case starts servers, traces them, and compares."""
