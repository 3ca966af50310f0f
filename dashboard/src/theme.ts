// Light, dark, or as the system has it. The choice is no secret and may outlive the tab.
export type Theme = "system" | "light" | "dark";

const PLACE = "emit.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

const chosenTheme = (): Theme => (localStorage.getItem(PLACE) as Theme | null) ?? "system";

export function showTheme(): void {
  const chosen = chosenTheme();
  document.documentElement.dataset.theme = chosen === "system" ? (dark.matches ? "dark" : "light") : chosen;
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(PLACE, theme);
  showTheme();
}

dark.addEventListener("change", showTheme);
