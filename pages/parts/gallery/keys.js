// The list of keyboard shortcuts, which "?" opens and closes.

const KEY_ACTIONS = { s: ["star", "unstar"], p: ["pick", "undecide"], x: ["reject", "undecide"], delete: ["delete"] }
const KEYS = [
  ["← → ↑ ↓", "Another picture"],
  ["Enter", "Open it"],
  ["Space", "Select it"],
  ["S", "Star"],
  ["P", "Pick"],
  ["X", "Reject"],
  ["Del", "Delete"],
  ["+ − 0 1", "Zoom in, out, fit, 100 %"],
  ["/", "Search the history"],
  ["Esc", "Close"],
  ["?", "These keys"],
]

function createKeys() {
  const rows = KEYS.flatMap(([key, does]) => [make("dt", {}, make("kbd", { text: key })), make("dd", { text: does })])
  const element = make("div", { popover: "auto", class: "keys", role: "dialog", "aria-label": "Keys", tabindex: "-1" }, make("dl", {}, ...rows))

  function onKey(event) {
    if (event.key === "?" && isPlain(event) && !isTyping(event)) element.togglePopover()
    // The browser closes it; nothing else may react.
    else if (event.key === "Escape" && element.matches(":popover-open")) event.stopPropagation()
  }

  document.addEventListener("keydown", onKey, true)
  return { element, leave: () => document.removeEventListener("keydown", onKey, true) }
}
