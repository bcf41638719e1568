/** Rows under a head, as RFC 4180 quotes them. Lines end with a line feed alone, as other tools of a shell expect. */
export function csvText(columns: readonly string[], rows: readonly object[]): string {
  const lines = rows.map((row) => {
    const cells = flatten(row);
    return columns.map((column) => quoted(cells.get(column) ?? "")).join(",");
  });
  return `${[columns.map(quoted).join(","), ...lines].join("\n")}\n`;
}

/** One object as a head and a row. */
export function csvOfOne(value: object): string {
  return csvText([...flatten(value).keys()], [value]);
}

/** Objects within objects become columns with a dot; a list becomes one cell of JSON. */
function flatten(value: object, prefix = "", cells = new Map<string, string>()): Map<string, string> {
  for (const [name, inner] of Object.entries(value) as [string, unknown][]) {
    if (typeof inner === "object" && inner !== null && !Array.isArray(inner)) flatten(inner, `${prefix}${name}.`, cells);
    else cells.set(prefix + name, cellText(inner));
  }
  return cells;
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Blanks at the ends are quoted, too: some readers drop them. */
function quoted(cell: string): string {
  return /[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
