/** Every failed answer has a reason to act on, words for a person, and no secrets. */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as ErrorCode from "../src/ErrorCode.ts"
import * as SalesforceError from "../src/SalesforceError.ts"

type Reason = ChangeSource.SourceError["reason"]

const rest = (errorCode: string, message = "m") => JSON.stringify([{ message, errorCode, fields: ["Name"] }])
const oauth = (error: string) => JSON.stringify({ error, error_description: "d" })

const from = (status: number, body: string, secrets: ReadonlyArray<string> = []) =>
  SalesforceError.fromAnswer({ source: "salesforce", status, body, secrets })

describe("SalesforceError", () => {
  const table: ReadonlyArray<readonly [status: number, body: string, Reason]> = [
    [401, rest("INVALID_SESSION_ID", "Session expired or invalid"), "Unauthorized"],
    [401, rest("INVALID_AUTH_HEADER"), "Unauthorized"],
    [400, oauth("invalid_grant"), "Unauthorized"],
    [401, oauth("invalid_client"), "Unauthorized"],
    [400, oauth("invalid_client_id"), "Unauthorized"],
    [401, "", "Unauthorized"],
    [403, rest("API_DISABLED_FOR_ORG"), "Forbidden"],
    [403, rest("API_CURRENTLY_DISABLED", "API is disabled for this User"), "Forbidden"],
    [403, "<html>no</html>", "Forbidden"],
    [403, rest("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "QuotaExhausted"],
    [429, "", "RateLimited"],
    [420, "", "RateLimited"],
    [503, rest("SERVER_UNAVAILABLE"), "Unavailable"],
    [500, rest("UNKNOWN_EXCEPTION"), "Unavailable"],
    [400, rest("QUERY_TIMEOUT"), "Unavailable"],
    [400, rest("INVALID_QUERY_LOCATOR"), "Unavailable"],
    [502, "<html><head><title>Bad Gateway</title>", "Unavailable"],
    [504, "", "Unavailable"],
    [400, rest("INVALID_REPLICATION_DATE"), "PositionLost"],
    [400, rest("MALFORMED_QUERY"), "Invalid"],
    [400, rest("INVALID_FIELD"), "Invalid"],
    [400, rest("INVALID_TYPE"), "Invalid"],
    [404, rest("NOT_FOUND"), "Invalid"],
    [400, rest("SOMETHING_NEW_IN_2030"), "Invalid"],
    [400, oauth("unknown"), "Invalid"],
    [302, "", "Invalid"],
    [418, "[]", "Invalid"],
    [400, "[{}]", "Invalid"],
    [204, "", "Malformed"]
  ]
  for (const [status, body, reason] of table) {
    it(`${status} ${body.slice(0, 50)} is ${reason}`, () => {
      const error = from(status, body)
      assert.equal(error.reason, reason)
      assert.match(error.message, /\. \S/)
    })
  }

  it("only what a moment may cure is transient", () => {
    const transient = table.flatMap(([status, body]) =>
      SalesforceError.isTransient(from(status, body)) ? [status] : []
    )
    assert.deepEqual(transient, [429, 420, 503, 500, 502, 504])
    assert.ok(SalesforceError.isTransient(SalesforceError.disconnected("salesforce", "ECONNRESET", "host")))
    assert.ok(!SalesforceError.isTransient(SalesforceError.malformed("salesforce", "It is no page", "<html>")))
  })

  it("any status with any body is classified, in a bounded message on one line", () => {
    const body = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.json(),
      fc.string().map((code) => rest(code)),
      fc.constant(`[{"errorCode":"${"X".repeat(100_000)}"}]`),
      fc.constant("[".repeat(20_000)),
      fc.constant(`[{"errorCode":"INVALID_FIELD","message":"${"m".repeat(2_000_000)}"}]`),
      fc
        .tuple(
          fc.string().map((code) => rest(code)),
          fc.nat(60)
        )
        .map(([text, at]) => text.slice(0, at)),
      fc.string().map((title) => `<!doctype html><html><title>${title}</title>`),
      fc.constantFrom(
        "",
        "{}",
        "[]",
        "[[]]",
        "[null]",
        '[{"errorCode":null}]',
        '[{"errorCode":{}}]',
        '{"error":{}}',
        "\ufeff[]"
      )
    )
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 599 }), body, (status, body) => {
        const error = from(status, body)
        assert.ok(ErrorCode.actions[error.reason] !== undefined)
        assert.ok(error.message.length < 1000)
        assert.ok(error.message.isWellFormed())
        // oxlint-disable-next-line no-control-regex -- none may be left
        assert.doesNotMatch(error.message, /[\u0000-\u001f]/)
      })
    )
  })

  it("no secret is in a message, wherever the body repeats it", () => {
    const session = "00D000000000001AAA!AQ4AQFxyz.abc_DEF-123"
    const bodies = [
      rest("X", `bad ${session}`),
      rest("Y", "refresh 5Aep861 failed"),
      `<p>${session} 5Aep861</p>`,
      rest("Z", "5Aep861"),
      oauth("5Aep861"),
      oauth("aSecretOfLetters")
    ]
    for (const body of bodies) {
      const error = from(400, body, ["5Aep861", "aSecretOfLetters"])
      assert.doesNotMatch(error.message, /AQ4AQ|5Aep861|aSecretOfLetters/)
      assert.doesNotMatch(JSON.stringify(error.cause), /AQ4AQ|5Aep861|aSecretOfLetters/)
    }
    assert.doesNotMatch(SalesforceError.malformed("s", "No page", `x ${session}`).message, /AQ4AQ/)
  })

  it("the code of an error can be acted on", () => {
    assert.ok(SalesforceError.isLocatorExpired(from(400, rest("INVALID_QUERY_LOCATOR"))))
    assert.ok(SalesforceError.isSessionEnded(from(401, rest("INVALID_SESSION_ID"))))
    assert.ok(SalesforceError.isSessionEnded(from(401, "<html>")))
    assert.ok(!SalesforceError.isSessionEnded(from(401, rest("INVALID_AUTH_HEADER"))))
    assert.ok(!SalesforceError.isSessionEnded(from(403, "")))
    assert.equal(SalesforceError.code(SalesforceError.invalid("s", "m")), "")
  })
})
