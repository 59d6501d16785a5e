/**
 * What a record holds does nothing to a terminal, and is told truly to a program.
 */
import * as Report from "@tidemark/cli/Report"
import * as Text from "@tidemark/cli/Text"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"

/** What terminals obey, what turns the reading direction, what is not seen. */
const hostile = fc.constantFrom(
  "\u001b[2J",
  "\u001b]0;title\u0007",
  "\u009b31m",
  "\r\n",
  "\u0000",
  "\u202emoc.elpmaxe",
  "\u2066",
  "\u200b",
  "\ufeff",
  "\u2028",
  "\ud800",
  "\u{e0041}"
)
const text = fc
  .array(fc.oneof(hostile, fc.string({ unit: "binary", maxLength: 10 })), { maxLength: 6 })
  .map((parts) => parts.join(""))

const isHarmless = (shown: string): boolean =>
  shown.isWellFormed() &&
  Array.from(shown.replaceAll("\n", "")).every(
    (one) => !/[\p{Cc}\p{Zl}\p{Zp}\u200b\u202a-\u202e\u2066-\u2069\ufeff]/u.test(one)
  )

describe("text from elsewhere", () => {
  it("is shown without anything that a terminal obeys", () => {
    fc.assert(fc.property(text, (text) => isHarmless(Text.safe(text).replaceAll("\n", "?"))))
    assert.equal(Text.safe("a\u001b[31mb\nc"), "a\\u{1b}[31mb\\u{a}c")
  })

  it("stays as it is where it is harmless", () => {
    for (const one of ["Björn O'Brien", "日本語", "👩‍👩‍👧", "نص عربي", "क्षेत्र", "a\\b"]) assert.equal(Text.safe(one), one)
  })

  it("is the same value as JSON, and as harmless", () => {
    fc.assert(
      fc.property(text, (text) => {
        const json = Text.json({ [text]: text })
        assert.deepEqual(JSON.parse(json), { [text]: text })
        return isHarmless(json)
      })
    )
  })

  it("is cut between characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 20 }), (text, most) => {
        const cut = Text.clip(text, most)
        return cut.length <= most && cut.isWellFormed()
      })
    )
  })
})

describe("an entry of a plan", () => {
  it("shows nothing that a terminal obeys, whatever its record, its fields and its refusal are named", () => {
    const entry = fc.record({
      object: text,
      externalId: text,
      decision: fc.constantFrom<Report.Entry["decision"]>("Created", "Updated", "Deleted", "Quarantined", "Skipped"),
      patch: fc.dictionary(text, fc.record({ before: text, after: text }, { requiredKeys: [] }), { maxKeys: 3 }),
      code: text,
      message: text
    })
    fc.assert(fc.property(entry, (entry) => isHarmless(Report.formatEntry(Text.paint(false), entry))))
  })

  it("says what would happen, field by field", () => {
    const entry: Report.Entry = {
      object: "Account",
      externalId: "001",
      decision: "Updated",
      revision: 3,
      patch: { Name: { before: "Acme", after: "Acme Ltd" }, Rating: { before: null, after: "Hot" } }
    }
    assert.equal(
      Report.formatEntry(Text.paint(false), entry),
      [
        "~ Account 001  would be updated, revision 3",
        '    Name    "Acme" → "Acme Ltd"',
        '    Rating  null → "Hot"'
      ].join("\n")
    )
    const created: Report.Entry = {
      ...entry,
      decision: "Created",
      patch: { Name: { after: "Acme" }, Rating: { after: null } }
    }
    const shown = Report.formatEntry(Text.paint(true), created)
    assert.ok(shown.startsWith("\u001b[32m+ Account 001\u001b[0m  would be created"))
    assert.ok(shown.includes('"Acme"') && shown.includes("and 1 empty"))
  })
})
