"""Where people come in: the authorization endpoint and its pages.

    request.py     what a client asks for, checked; where the answer may go (redirects.py)
       │
    endpoint.py    sign in, consent, a code ─┬─ sessions.py   who this browser belongs to, CSRF
       │                                     ├─ sign_in.py    name and password
    device.py      the page for user codes   ├─ consents.py   what was agreed to before
       │                                     └─ sign_out.py   the way out, for people and clients
       │
    served.py      one request of a browser: its answer, its record
       └── page.py, forms.py                 what is seen

Server-rendered HTML, no JavaScript. What a page needs to go on is in its form, as the client sent it, and is
checked again when it comes back; nothing waits in memory for people who may never return.
"""
