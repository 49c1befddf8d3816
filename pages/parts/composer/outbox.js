// Sends submissions to the server until it acknowledges them, across pages, reloads and lost connections.
//
// Each has a submit id that is made here, under which the server queues it once, so repeating it is harmless. One of an earlier
// session is not sent, because the form may have changed since; it can be put back into the form.

const [AGAIN_MS, NARROW, NAMED] = [10_000, "(max-width: 640px)", 60]
const outbox = (window.studioOutbox ??= createOutbox())

function createOutbox() {
  const known = { port: null, session: null, show: null }
  let [pending, again] = [read(OUTBOX) ?? [], null]

  function keep(next) {
    pending = next
    write(OUTBOX, pending)
  }

  function send(next = pending) {
    clearTimeout(again)
    keep(next)
    known.port.setStateValue("submissions", { list: pending, at: Date.now() })
    // Streamlit repeats a component's state with each message. The timer is for when no other is sent.
    again = setTimeout(send, AGAIN_MS)
  }

  function add(submission) {
    // An equal one before the first was acknowledged is a double click.
    const isSame = ({ session, text, rerun }) => session === known.session && text === submission.text && rerun === submission.rerun
    if (pending.some(isSame)) return
    send([...pending, { session: known.session, ...submission, id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` }])
  }

  function acknowledge({ session, handled, unsent }) {
    const isNew = session !== known.session
    known.session = session
    keep(pending.filter(({ id }) => !handled.includes(id)))
    known.show(pending.filter(({ id }) => unsent.includes(id)))
    if (pending.length === 0) clearTimeout(again)
    else if (isNew) send()
  }

  // A rerun does not depend on the form, so it is sent; anything else is put into the form.
  function resume({ id, rerun }) {
    const change = rerun ? { session: known.session } : { wanted: known.session }
    send(pending.map((each) => (each.id === id ? { ...each, ...change } : each)))
  }

  const drop = ({ id }) => send(pending.filter((each) => each.id !== id))

  return Object.assign(known, { add, acknowledge, resume, drop })
}

function nameOf({ rerun, form, text }) {
  if (rerun) return "your Rerun"
  const letters = [...text]
  return form?.as_table ? "your table" : `“${letters.slice(0, NAMED).join("")}${letters.length > NAMED ? "…" : ""}”`
}

export default inOrder(({ data, setStateValue, parentElement }) => {
  const find = (selector) => parentElement.querySelector(selector)
  const [notice, text, again, discard] = [".box", ".text", ".again", ".discard"].map(find)
  outbox.port = { setStateValue }
  outbox.show = (unsent) => {
    const last = unsent.at(-1)
    notice.hidden = !last
    if (!last) return
    const more = unsent.length > 1 ? ` and ${unsent.length - 1} older` : ""
    const advice = last.rerun ? "Rerun it" : "Put it into the form and press Generate"
    text.textContent = `Not sent, because the connection was lost: ${nameOf(last)}${more}. Not charged. ${advice} if you still want it.`
    again.textContent = last.rerun ? "Rerun" : "Put it into the form"
    again.onclick = ({ detail }) => detail < 2 && outbox.resume(last)
    discard.onclick = ({ detail }) => detail < 2 && outbox.drop(last)
  }
  outbox.acknowledge(data)

  // On a narrow screen the form is folded.
  outbox.leave?.()
  const narrow = matchMedia(NARROW)
  const tell = () => narrow.matches !== data.isNarrow && setStateValue("narrow", narrow.matches)
  narrow.addEventListener("change", tell)
  tell()
  return (outbox.leave = () => narrow.removeEventListener("change", tell))
})
