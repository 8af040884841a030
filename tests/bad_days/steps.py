"""Every step at which a process may die, and what is so when it does.

A step is a commit, a statement outside a transaction or a request, named by the function that takes it
(`benchmarks/deaths.py`). A process that dies there has done all steps before it, and not this one. The test fails where
a child takes a step that is not named here, and where none takes one that is.
"""

MEANING = {
    # a batch of pushes
    "sync.lease.claim": "nobody holds the rows; what is held of others is freed with the next worker",
    "sync.lease.renew": "rows are held, nothing was sent",
    "sync.push.Batch._about_to_send": "nothing was sent, and no attempt is on record",
    "POST orders/replace": "an attempt is on record that did not leave",
    "POST orders": "a creation, or a refund, is on record that did not leave",
    "PUT orders/multipleUpdate": "an attempt is on record that did not leave",
    "DELETE orders": "the row is gone here, and still there",
    "sync.connection.record_exchange": "the remote has done it, and we have no answer",
    "sync.connection.worked": "the remote has done it, and only the log knows",
    "sync.outcomes.Outcomes.record": "the remote has done it, and the push is still open",
    "sync.outcomes.Outcomes.wait": "it is held, and what it needs is not known there",
    "sync.outbox.wake": "the object is known there, and what waits for it looks by itself half a minute later",
    "sync.outbox.let_go": "the push is done, and what was not sent is still held",
    "orders.details.after_overwriting": "the push is done, and its journal is not asked for",
    # what is read again, merged, and read because of a change
    "GET orders": "what may be overwritten was not looked at",
    "sync.apply._apply": "the remote has answered, and nothing of it is in our tables",
    "orders.details.read_due": "what a change calls for is not claimed",
    "GET orders/journalStatuses": "it is claimed, and not asked for",
    "GET orderReceipts": "part of it was asked for",
    "GET orderReturnReceipts": "part of it was asked for",
    "GET journal": "part of it was asked for",
    "orders.details.read": "all was answered, and nothing is stored",
    "orders.readers.keep_journal": "the journal was answered, and is not stored",
    "sync.sent.forget": "the journal is stored, and what we sent is still to be compared with it",
    # commands and outlets
    "sync.commands._run": "no attempt is on record; or the remote has done it, and the command is open",
    "sync.outlets._run": "no attempt is on record",
    "sync.outlets._record": "the remote was told, and the push is open",
    "POST protected/online_orders": "an attempt is on record that did not leave",
    "PUT protected/online_orders/N": "an attempt is on record that did not leave",
    "GET protected/online_orders/N": "what is there was not looked at",
    "POST oauth/token": "this worker is to log in for all",
    "sync.tokens.SharedTokens.renew": "nobody logs in",
    "sync.tokens.SharedTokens._granted": "the token was granted, and nobody has it",
    "orders.bifit.commands._send": "the order was made there, and its id is lost",
    "orders.arrivals._apply_slice": "what is there was read, and is not in our tables",
    # callbacks and pulls
    "sync.callbacks.store": "the callback came, and was neither stored nor answered",
    "sync.callbacks._finish": "what it told is in our tables, and it counts as new",
    "sync.pull.run": "the run is claimed, and counts as queued",
    "sync.pull.Progress.save": "a page is in our tables and the run does not know; or it is over and counts as running",
    "sync.pull.run_due": "the run is done, and its schedule does not know",
    # partners
    "partners.models.token.Token.used": "a partner's request came, and nothing was done",
    "partners.api.idempotency.whole": "neither his key is known nor his order made",
    "POST /hook": "an event is claimed, and did not leave",
    "partners.webhooks.delivery._Turn._record": "the partner has it, and it counts as not delivered",
    "partners.webhooks.delivery._Turn._let_go": "it is delivered, and the webhook is still held",
}

_REQUEST = {"sync.lease.claim", "sync.connection.record_exchange", "sync.connection.worked"}
_DETAILS = {
    *("orders.details.read_due", "GET orders/journalStatuses", "GET orderReceipts", "GET journal"),
    *("orders.readers.keep_journal", "sync.sent.forget", "orders.details.read"),
}
_BIFIT = {*_REQUEST, "sync.lease.renew", "GET protected/online_orders/N", "orders.arrivals._apply_slice"}

SOMETIMES = {"GET orderReturnReceipts"}  # when it is time to read the receipts of a return

# What is reached in any run, by scenario.
STEPS: dict[str, set[str]] = {
    "a push": {
        *_REQUEST,
        *_DETAILS,
        *(
            "sync.lease.renew",
            "sync.push.Batch._about_to_send",
            "sync.outcomes.Outcomes.record",
            "sync.outbox.let_go",
        ),
        *("PUT orders/multipleUpdate", "POST orders/replace", "POST orders", "DELETE orders"),
        *("GET orders", "sync.apply._apply", "orders.details.after_overwriting"),
        *("sync.outcomes.Outcomes.wait", "sync.outbox.wake"),
    },
    "a command": {*_REQUEST, "sync.lease.renew", "sync.commands._run", "POST orders"},
    "a command nobody can be asked about": {
        *_BIFIT,
        *("sync.commands._run", "POST protected/online_orders", "orders.bifit.commands._send"),
        *("POST oauth/token", "sync.tokens.SharedTokens.renew", "sync.tokens.SharedTokens._granted"),
    },
    "an outlet": {*_BIFIT, "sync.outlets._run", "sync.outlets._record", "PUT protected/online_orders/N"},
    "a callback, taken": {"sync.callbacks.store"},
    "a callback, processed": {*_REQUEST, "GET orders", "sync.apply._apply", "sync.callbacks._finish"},
    "a pull": {
        *_REQUEST,
        *("GET orders", "sync.apply._apply", "sync.pull.run", "sync.pull.Progress.save", "sync.pull.run_due"),
    },
    "a partner's request": {
        *("partners.models.token.Token.used", "partners.api.idempotency.whole"),
    },
    "a webhook": {
        "sync.lease.claim",
        *("POST /hook", "partners.webhooks.delivery._Turn._record", "partners.webhooks.delivery._Turn._let_go"),
    },
}
