// The words to search for. The server hears of them when their writer rests; "/" comes here from anywhere on the page.

const REST_MS = 300

export default inOrder(({ data, setStateValue, parentElement }) => {
  const field = parentElement.querySelector("input")
  const search = (parentElement.studioSearch ??= { told: (field.value = data.text), resting: null, leave: () => {} })
  search.setStateValue = setStateValue

  function tell() {
    clearTimeout(search.resting)
    if (field.value !== search.told) search.setStateValue("text", (search.told = field.value))
  }

  function rest() {
    clearTimeout(search.resting)
    search.resting = setTimeout(tell, REST_MS)
  }

  function onKey(event) {
    if (event.key !== "/" || isTyping(event) || !isPlain(event)) return
    event.preventDefault()
    field.focus()
  }

  Object.assign(field, { oninput: rest, onchange: tell })
  search.leave()
  document.addEventListener("keydown", onKey)
  // The end of a call may come after the next one has begun, and must not end that.
  return (search.leave = () => document.removeEventListener("keydown", onKey))
})
