// The search field, read-only before this runs. Its text is sent after a pause in typing; "/" focuses it from anywhere on the page.

const REST_MS = 300

export default inOrder(({ data, setStateValue, parentElement }) => {
  const field = parentElement.querySelector("input")
  const search = (parentElement.studioSearch ??= { sent: (field.value = data.text), resting: null, leave: () => {} })
  search.setStateValue = setStateValue

  function send() {
    clearTimeout(search.resting)
    if (field.value !== search.sent) search.setStateValue("text", (search.sent = field.value))
  }

  function rest() {
    clearTimeout(search.resting)
    search.resting = setTimeout(send, REST_MS)
  }

  function onKey(event) {
    if (event.key !== "/" || isTyping(event) || !isPlain(event)) return
    event.preventDefault()
    field.focus()
  }

  Object.assign(field, { readOnly: false, oninput: rest, onchange: send })
  search.leave()
  document.addEventListener("keydown", onKey)
  // The cleanup of a call may run after the next call, which it must not undo.
  return (search.leave = () => document.removeEventListener("keydown", onKey))
})
