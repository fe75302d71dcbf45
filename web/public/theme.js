// Runs before the first paint, so that a remembered theme does not flash.
try {
  const theme = localStorage.getItem('tickcast.theme')
  if (theme === '"dark"' || theme === '"light"') document.documentElement.dataset.theme = theme.slice(1, -1)
} catch {}
