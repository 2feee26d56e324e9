"""Pages for people who follow a link from a mail: one heading, a few words, one button.

They need no script and fetch nothing; nobody may show them in a frame, and no other page learns
their address, which holds a token.
"""

from html import escape

from fastapi.responses import HTMLResponse

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Vary": "Accept-Language",
}


def page(language: str, title: str, content: str, status: int = 200) -> HTMLResponse:
    """A page in a language; `content` is HTML."""
    body = PAGE.format(language=language, title=escape(title), content=content)
    return HTMLResponse(body, status, HEADERS | {"Content-Language": language})


def button(words: str, *fields: tuple[str, str]) -> str:
    """A button that posts to the page's own address."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields
    )
    return f'<form method="post">{hidden}<button type="submit">{escape(words)}</button></form>'


PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; background: Canvas; color: CanvasText; }}
body {{ font: 1.125rem/1.5 system-ui, sans-serif; }}
main {{ max-width: 36rem; margin: 2rem auto; padding: 0 1rem; }}
button {{ font: inherit; padding: .75rem 1.25rem; border: 2px solid; border-radius: 4px; }}
button:focus-visible {{ outline: 3px solid #0b4f9e; outline-offset: 3px; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""
