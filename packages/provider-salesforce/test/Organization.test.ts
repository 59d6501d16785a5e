/** Who an org is: one name for as long as a client lives, whatever single questions are refused. */
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import { client, run, type Answered } from "./support/Script.ts"

const refused = (status: number, errorCode: string): Answered => ({ status, body: [{ message: "said so", errorCode }] })
const hidden = refused(403, "INSUFFICIENT_ACCESS")
const named: Answered = { body: { done: true, records: [{ Id: "00D000000000001" }] } }
const versions: Answered = { body: [{ label: "Spring '26", url: "/x", version: "66.0" }] }
const id = "00D000000000001EAA"

describe("Organization", () => {
  it.each([
    ["hidden from the user is named by its host for good", [hidden, hidden, named], ["127.0.0.1", "127.0.0.1"]],
    ["refused once is asked for again", [hidden, named, named], [id, id]],
    ["known by its Id has no other name", [named, hidden, hidden, named], [id, "Forbidden", "Forbidden", id]],
    ["without an API has none", [refused(403, "API_DISABLED_FOR_ORG"), named], ["Forbidden", id]],
    ["that does not understand has none", [refused(400, "MALFORMED_QUERY"), named], ["Invalid", id]]
  ] as const)("S42 an org %s", (_, answers, expected) =>
    run(
      Effect.gen(function* () {
        const said = [...answers]
        const { client: salesforce } = yield* client(({ url }) => (url.includes("query") ? said.shift()! : versions))
        const names: Array<string> = []
        for (const _ of expected) {
          names.push(
            yield* salesforce.organization.pipe(
              Effect.map(({ value }) => value),
              Effect.catch(({ reason }) => Effect.succeed(reason as string))
            )
          )
        }
        assert.deepEqual(names, expected)
      })
    )
  )
})
