// Takes pictures in: chosen, dropped anywhere on the page, or pasted. Each goes straight to the server's disk, one after
// the other, and is reported as a whole: its id, or why there is none.

export default function ({ data, setStateValue, parentElement }) {
  const box = parentElement.querySelector(".box")
  const input = parentElement.querySelector("input")
  const status = parentElement.querySelector("output")
  // Kept for the whole tab: what is on its way when its person looks at another page is handed over when they come back.
  const state = (window.__studioReferences ??= { reports: [], waiting: [], busy: false, sequence: Date.now() })
  Object.assign(state, { data, setStateValue, status })

  function report(outcome) {
    state.sequence = Math.max(state.sequence + 1, Date.now())
    state.reports = [...state.reports.slice(-31), { ...outcome, sequence: state.sequence }]
    state.setStateValue("reports", state.reports)
  }

  async function send(file) {
    if (file.size > state.data.bytes) return { name: file.name, size: file.size, code: "large" }
    try {
      const headers = { "X-Studio-Name": encodeURIComponent(file.name).slice(0, 2000) }
      const reply = await fetch("/references", { method: "POST", headers, body: file })
      return { name: file.name, ...(await reply.json()) }
    } catch {
      return { name: file.name, code: "lost" }
    }
  }

  async function takeAll() {
    state.busy = true
    state.setStateValue("busy", true)
    while (state.waiting.length > 0) {
      const file = state.waiting.shift()
      const more = state.waiting.length > 0 ? `, ${state.waiting.length} more to come` : ""
      state.status.textContent = `Adding ${file.name}${more}`
      report(await send(file))
    }
    state.status.textContent = ""
    state.busy = false
    state.setStateValue("busy", false)
  }

  function take(files) {
    state.waiting.push(...files)
    if (!state.busy) takeAll()
  }

  const holdsFiles = (transfer) => transfer && [...transfer.types].includes("Files")
  const onChoose = () => {
    take([...input.files])
    input.value = ""
  }
  const onPaste = (event) => {
    const files = [...(event.clipboardData?.files ?? [])]
    const intoText = event.target.matches?.("input, textarea") && event.clipboardData.types.includes("text/plain")
    if (files.length === 0 || intoText) return
    event.preventDefault()
    take(files)
  }
  const onDrag = (event) => {
    if (!holdsFiles(event.dataTransfer)) return
    event.preventDefault()
    box.classList.toggle("over", event.type === "dragover")
  }
  const onDrop = (event) => {
    if (!holdsFiles(event.dataTransfer)) return
    event.preventDefault()
    box.classList.remove("over")
    take([...event.dataTransfer.files])
  }
  const listened = [
    [input, "change", onChoose],
    [document, "paste", onPaste],
    [document, "dragover", onDrag],
    [document, "dragleave", onDrag],
    [document, "drop", onDrop],
  ]
  if (!parentElement.__isKnown && (state.busy || state.reports.length > 0)) {
    setStateValue("busy", state.busy)
    setStateValue("reports", state.reports)
  }
  parentElement.__isKnown = true
  state.leave?.()
  listened.forEach(([target, name, hear]) => target.addEventListener(name, hear))
  state.leave = () => listened.forEach(([target, name, hear]) => target.removeEventListener(name, hear))
  return () => state.leave()
}
