/** Light, dark, or as the system says; kept in this browser only. */
import { signal } from '../data/hooks.js'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'starling-theme'

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY)
    return value === 'light' || value === 'dark' ? value : 'system'
  } catch {
    return 'system'
  }
}

export const theme = signal<Theme>('system')

export function setTheme(next: Theme): void {
  theme.set(next)
  if (next === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = next
  try {
    localStorage.setItem(KEY, next)
  } catch {
    // Storage may be switched off; the choice then lasts as long as the page.
  }
}

export function startTheme(): void {
  setTheme(stored())
}
