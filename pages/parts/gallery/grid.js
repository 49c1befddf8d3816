// Keyboard control of the items: arrows move the focus, Space selects, Enter opens, letters rate.

const SAME_ROW_PX = 4

function listenToGrid(gallery, groups) {
  const itemOf = (event) => event.target.closest("[data-key]")
  const isSelecting = (event) => event.key === " " && event.target.type !== "checkbox"
  const middle = ({ left, right }) => (left + right) / 2

  function neighbour(from, key) {
    const all = [...groups.querySelectorAll("[data-key]")]
    const at = all.indexOf(from)
    const beside = { ArrowLeft: all[at - 1], ArrowRight: all[at + 1], Home: all[0], End: all.at(-1) }
    return key in beside ? beside[key] : inNextRow(all, from, key === "ArrowDown" ? 1 : -1)
  }

  function inNextRow(all, from, way) {
    const here = from.getBoundingClientRect()
    const placed = all.map((one) => ({ one, at: one.getBoundingClientRect() }))
    const beyond = placed.filter(({ at }) => way * (at.top - here.top) > SAME_ROW_PX)
    const row = Math.min(...beyond.map(({ at }) => way * at.top))
    const inRow = beyond.filter(({ at }) => way * at.top - row < SAME_ROW_PX)
    const away = ({ at }) => Math.abs(middle(at) - middle(here))
    return inRow.sort((one, other) => away(one) - away(other))[0]?.one
  }

  const moves = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"])
  groups.addEventListener("keydown", (event) => {
    const item = itemOf(event)
    if (!item || event.altKey || event.metaKey || event.ctrlKey) return
    if (moves.has(event.key)) {
      event.preventDefault()
      const to = neighbour(item, event.key)
      if (to) gallery.reach(to.dataset.key, true)
      // The details beside the list follow the focus.
      if (to && gallery.viewer.isBeside()) gallery.viewer.open(to.dataset.key)
    } else if (event.key === "Escape" && gallery.viewer.isBeside()) {
      gallery.viewer.close()
    } else if (isSelecting(event)) {
      event.preventDefault()
      gallery.selection.choose(item.dataset.key, !gallery.selection.isSelected(item.dataset.key), event.shiftKey)
    } else gallery.handleKey(event, item.dataset.key)
  })
  // Some browsers click a button at the keyup of Space, even if its keydown was cancelled.
  groups.addEventListener("keyup", (event) => {
    if (itemOf(event) && isSelecting(event)) event.preventDefault()
  })
  groups.addEventListener("focusin", (event) => {
    const item = itemOf(event)
    if (item) gallery.reach(item.dataset.key, false)
  })
}

// The selected items, in the order of selection, on all pages of the list.
function createSelection(gallery) {
  let [ids, taken, anchor] = [new Set(), null, null]

  const idOf = (key) => gallery.find(key).item.id
  const isSelected = (key) => ids.has(idOf(key))
  const chosen = () => gallery.entries.filter(({ item }) => ids.has(item.id))
  const value = () => ({ ids: [...ids], ...taken })
  const count = () => ids.size
  // The selected items that can be compared.
  const pictures = () => chosen().filter(({ item }) => hasPicture(item)).map(({ key }) => key)

  // A new revision of the server replaces the selection.
  function take({ session, revision, selected }) {
    if (taken?.session === session && taken.revision === revision) return
    ;[ids, taken, anchor] = [new Set(selected), { session, revision }, null]
  }

  function choose(key, isWanted, isRange) {
    const keys = gallery.entries.map((entry) => entry.key)
    const [from, to] = [keys.indexOf(isRange && gallery.find(anchor) ? anchor : key), keys.indexOf(key)]
    const range = keys.slice(Math.min(from, to), Math.max(from, to) + 1).map(idOf)
    anchor = key
    set(isWanted ? [...ids, ...range] : [...ids].filter((id) => !range.includes(id)))
  }

  function set(next) {
    ids = new Set(next)
    // With a source, the page does not know the items.
    if (!gallery.data.source) gallery.setStateValue("selection", value())
    gallery.redraw()
    gallery.say(`${count()} selected`)
  }

  const clear = () => set([])
  const all = () => set([...ids, ...gallery.entries.map(({ item }) => item.id)])
  return { take, choose, isSelected, chosen, pictures, count, value, clear, all }
}
