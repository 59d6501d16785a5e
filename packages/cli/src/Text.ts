/**
 * Text from elsewhere, made safe for a terminal and for logs.
 *
 * A record may hold anything: sequences that move the cursor or set the title,
 * marks that turn the reading direction, characters that cannot be seen. They are
 * shown by their code point, and do nothing.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

/**
 * Control characters, marks of direction, invisible characters and halves of
 * surrogate pairs, as `\u{...}`. Joiners that scripts and emoji are written with
 * stay.
 *
 * @category formatting
 * @since 0.1.0
 */
export const safe = (text: string): string => text.replaceAll(unsafe, (one) => `\\u{${codeOf(one)}}`)

/** A JSON text of the same value, with nothing in it that a terminal obeys. @category formatting @since 0.1.0 */
export const json = (value: unknown): string => JSON.stringify(value).replaceAll(unsafe, escape)

/** The same over several lines, for people. @category formatting @since 0.1.0 */
export const pretty = (value: unknown): string =>
  JSON.stringify(value, null, 2)
    .split("\n")
    .map((line) => line.replaceAll(unsafe, escape))
    .join("\n")

/** A point in time, given in ms since the epoch, in UTC. @category formatting @since 0.1.0 */
export const instant = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

/** The same to the second, for people. @category formatting @since 0.1.0 */
export const time = (millis: number): string => instant(millis).replace(/\.\d+Z$/, "Z")

/** `90` as `1m 30s`; to the tenth below a minute. @category formatting @since 0.1.0 */
export const seconds = (seconds: number): string => {
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  const minutes = Math.floor(whole / 60)
  return minutes < 60 ? `${minutes}m ${whole % 60}s` : `${Math.floor(minutes / 60)}h ${minutes % 60}m`
}

/** Shortened to `most` UTF-16 units, and marked as shortened. @category formatting @since 0.1.0 */
export const clip = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…`

/** `1234567` as `1,234,567`. @category formatting @since 0.1.0 */
export const count = (count: number): string => count.toLocaleString("en-US")

// -----------------------------------------------------------------------------
// colours
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type Colour = "red" | "green" | "yellow" | "dim" | "bold"

/** Paints text, or leaves it as it is. @category models @since 0.1.0 */
export type Paint = (colour: Colour, text: string) => string

/** @category constructors @since 0.1.0 */
export const paint =
  (canColour: boolean): Paint =>
  (colour, text) =>
    canColour ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const codes: { readonly [C in Colour]: number } = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 }

const unsafe =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu

const escape = (one: string): string =>
  Array.from({ length: one.length }, (_, index) => `\\u${one.charCodeAt(index).toString(16).padStart(4, "0")}`).join("")

const codeOf = (one: string): string => one.codePointAt(0)!.toString(16)
