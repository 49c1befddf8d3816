// Uploads one file that is chosen, or dropped on the field, to the server's disk, and sends its id to the page.

function refusalOf(file, { kinds, bytes }) {
  const kind = file.name.split(".").pop().toLowerCase()
  if (!kinds.includes(kind)) return `${file.name} is none of ${kinds.join(", ").toUpperCase()}: choose another file.`
  if (file.size > bytes) return `${file.name} is larger than ${bytes / 1e6} MB: choose a smaller one.`
}

export default inOrder(({ data, setStateValue, parentElement }) => {
  const [input, label, said] = ["input", "label", "output"].map((name) => parentElement.querySelector(name))
  label.textContent = data.label
  input.accept = data.kinds.map((kind) => `.${kind}`).join(",")

  const take = async () => {
    const [file] = input.files
    if (!file) return
    input.value = ""
    const refusal = refusalOf(file, data)
    said.textContent = refusal ?? `Adding ${file.name}`
    if (refusal) return
    const { id, refusal: no } = await upload("files", file)
    said.textContent = no ? `${file.name} — ${no}` : ""
    // A state, because a trigger that is set while a run ends may be lost.
    if (id) setStateValue("given", { id, name: file.name })
  }
  // The page accepts dropped pictures. This file is not for it, so its overlay is closed.
  const keep = (event) => {
    event.stopPropagation()
    document.dispatchEvent(new DragEvent("drop"))
  }
  Object.assign(input, { onchange: take, ondragover: keep, ondrop: keep })
  if (input.files.length > 0) take()
})
