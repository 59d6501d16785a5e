/**
 * Texts and values made to break what reads them.
 */
import * as fc from "fast-check"

const injections = [
  "Name' OR Id != '",
  "Name FROM User WHERE (IsActive = true",
  "Id\n",
  "Id\r\n",
  "\nId",
  "Id\u2028",
  "Id\0",
  "Id;--",
  "Id/*",
  "(SELECT Id FROM Contacts)",
  "COUNT(Id)",
  "__proto__",
  "constructor",
  "constructor.prototype",
  "toString",
  "a..b",
  "a.",
  ".a",
  "Ⅸ",
  "Nаme",
  "Na\u0300me",
  "\ud800",
  "\udc00Id",
  "%27",
  "${Id}",
  "{{Id}}",
  "\u202eemaN",
  "Id".repeat(200),
  "",
  " ",
  "1",
  "null",
  "NaN"
]

/** For where a name is expected: names, what looks like them, and what does not. */
export const name: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...injections),
  fc.constantFrom("Id", "Name", "Owner.Name", "Custom__c"),
  fc
    .tuple(fc.constantFrom("Id", "Name", "Owner."), fc.string({ unit: "binary", maxLength: 3 }))
    .map((parts) => parts.join("")),
  fc.stringMatching(/^[A-Za-z0-9_.\n\0 ]{0,12}$/),
  fc.string({ unit: "binary" })
)

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  name,
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom(null, [], {}, "x".repeat(5_000))
)

/** Any plain JSON value, with keys that a reader may stumble over. */
export const json: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie("any"), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.oneof(name, fc.constantFrom("operator", "field", "value", "path", "constant")), tie("any")), {
        maxLength: 4
      })
      .map(
        (pairs) =>
          JSON.parse(
            `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value) ?? "null"}`).join(",")}}`
          ) as unknown
      )
  )
})).any
