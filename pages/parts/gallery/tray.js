// The bar at the bottom of the window: the selection with its actions, else the last action.

const DONE_MS = 20_000

function createTray(gallery) {
  const text = make("p", {})
  const actions = createActions(gallery, () => ({ group: { id: "selection" }, item: null, key: null }))
  const element = make("div", { class: "tray", role: "group", "aria-label": "Chosen pictures", hidden: true }, text, actions.element)
  const own = (id, label, symbol, menu = false) => ({ id, label, icon: symbol, menu })
  let [done, known, aging] = [null, null, null]

  function offered() {
    const [count, seen] = [gallery.selection.count(), gallery.selection.chosen().length]
    if (count > 0) {
      const compared = gallery.selection.pictures().length
      const isFew = compared >= 2 && compared <= MOST_COMPARED && compared === count
      const first = isFew ? [own("compare-selection", "Compare", "compare")] : []
      const all = seen < gallery.entries.length ? [own("select-all", "Select all shown", "select_all", true)] : []
      return { label: `${count} selected` + (seen < count ? `, ${count - seen} not shown` : ""), row: [...first, ...gallery.data.selectionActions, ...all, own("select-none", "Clear", "close")] }
    }
    return done && { label: done.text, row: done.action ? [done.action] : [] }
  }

  // The last action is shown for DONE_MS, or until the next.
  function take(next) {
    if (next?.text === known) return
    ;[done, known] = [next, next?.text]
    clearTimeout(aging)
    aging = setTimeout(() => show((done = null)), DONE_MS)
  }

  function show() {
    const offer = offered()
    element.hidden = !offer
    if (!offer) return
    setText(text, offer.label)
    actions.update(offer.row)
  }

  return { element, show, take, leave: () => clearTimeout(aging) }
}
