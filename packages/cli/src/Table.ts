/**
 * Rows in columns, for people.
 *
 * @since 0.1.0
 */
import * as CliOutput from "effect/cli/CliOutput"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Column {
  readonly name: string
  /** Numbers stand under one another by their last digit. Default: `false`. */
  readonly isNumber?: boolean
  /** Most UTF-16 units of a cell that are shown. Default: all. */
  readonly most?: number
}

/** Any text: what a terminal obeys in it is shown by its code point. @category models @since 0.1.0 */
export type Cell = string | readonly [text: string, colour: Text.Colour]

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

/** One line per row, below one with the names of the columns. @category formatting @since 0.1.0 */
export const format = (
  paint: Text.Paint,
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<Cell>>
): ReadonlyArray<string> => {
  const shown = rows.map((row) =>
    columns.map(({ most = Infinity }, index) => {
      const cell = row[index] ?? ""
      const [text, colour] = typeof cell === "string" ? [cell, undefined] : cell
      return { text: Text.safe(Text.clip(text, most)), colour }
    })
  )
  const head = columns.map(({ name }) => ({ text: name.toUpperCase(), colour: "dim" as const }))
  const lines = [head, ...shown]
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => widthOf(line[index]!.text))))
  return lines.map((line) =>
    line
      .map(({ colour, text }, index) => {
        const gap = " ".repeat(widths[index]! - widthOf(text))
        const painted = colour === undefined || text === "" ? text : paint(colour, text)
        if (columns[index]!.isNumber === true) return gap + painted
        return index === columns.length - 1 ? painted : painted + gap
      })
      .join("  ")
      .trimEnd()
  )
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Columns of a terminal. Nearly all cells are ASCII, whose width needs no look at graphemes. */
const widthOf = (text: string): number => (/^[ -~]*$/.test(text) ? text.length : CliOutput.displayWidth(text))
