// Counts on between two looks of the server: how long it takes already, and how long it may still take.

function words(seconds) {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}

export default function ({ data, parentElement }) {
  const line = parentElement.querySelector("span")
  const bar = parentElement.querySelector("progress")
  const started = performance.now() - data.elapsed * 1000
  const tick = () => {
    const elapsed = (performance.now() - started) / 1000
    const left = data.expected === null ? null : data.expected - elapsed
    const more = left === null ? "" : left > 0 ? ` · about ${words(left)} to go` : " · longer than usual"
    line.textContent = words(elapsed) + more
    bar.hidden = data.expected === null
    if (data.expected !== null) bar.value = Math.min(0.97, elapsed / Math.max(1, data.expected))
  }
  clearInterval(parentElement.__ticking)
  tick()
  parentElement.__ticking = setInterval(tick, 1000)
  return () => clearInterval(parentElement.__ticking)
}
