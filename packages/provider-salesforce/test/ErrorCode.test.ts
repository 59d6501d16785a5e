/**
 * The table of failures is total: every code and every status has a reason, every
 * reason one action, and the page that people read says the same.
 */
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import * as crypto from "node:crypto"
import * as fs from "node:fs"
import { describe, it } from "vitest"
import * as ErrorCode from "../src/ErrorCode.ts"
import * as SalesforceError from "../src/SalesforceError.ts"
import { page } from "./support/ErrorPage.ts"

const codes = Object.values(ErrorCode.partner).flat()
const refused = (status: number, body: string) => SalesforceError.fromAnswer({ source: "salesforce", status, body })

describe("ErrorCode", () => {
  it("all codes of the partner WSDL are in the table, each once", () => {
    // ExceptionCode (205) and StatusCode (370) of version 47.0 share 35 names. The digest is
    // that of all names, sorted, one a line: no name can be missing, added or misspelt.
    assert.equal(codes.length, 540)
    const digest = crypto.createHash("sha256").update(codes.toSorted().join("\n")).digest("hex")
    assert.equal(digest, "f788f0fe9dc4bdcb797bdc78bed898872f526448e9b34b313970f90157c8a01f")
    const others = Object.values(ErrorCode.others).flat()
    assert.equal(new Set([...codes, ...others]).size, codes.length + others.length)
  })

  it("every code causes one action with every status, and the reason of a request is one the engine knows", () => {
    const reasons = ChangeSource.Reason.literals
    for (const code of [...codes, ...Object.values(ErrorCode.others).flat()]) {
      const verdict = ErrorCode.verdict(code)
      assert.notEqual(verdict, undefined, code)
      for (const status of [200, 300, 400, 401, 403, 404, 429, 500, 503]) {
        const error = refused(status, JSON.stringify([{ errorCode: code, message: "m" }]))
        assert.ok(reasons.includes(error.reason))
        assert.equal(SalesforceError.action(error), ErrorCode.actions[error.reason])
        const isOfTheMoment: boolean = verdict === "QuotaExhausted" && status === 429
        if (verdict !== "Rejected") assert.equal(error.reason, isOfTheMoment ? "RateLimited" : verdict)
      }
    }
  })

  it("every status has a reason, whatever number a server sends", () => {
    fc.assert(
      fc.property(fc.integer(), (status) => {
        assert.ok(ChangeSource.Reason.literals.includes(ErrorCode.ofStatus(status)))
      })
    )
    const table: ReadonlyArray<readonly [from: number, to: number, ErrorCode.Reason]> = [
      [300, 400, "Invalid"],
      [402, 402, "Invalid"],
      [404, 405, "Invalid"],
      [407, 407, "Invalid"],
      [409, 419, "Invalid"],
      [421, 428, "Invalid"],
      [430, 499, "Invalid"],
      [500, 599, "Unavailable"]
    ]
    for (const [from, to, reason] of table) {
      for (let status = from; status <= to; status++) assert.equal(ErrorCode.ofStatus(status), reason, `${status}`)
    }
  })

  const records: { readonly [A in ErrorCode.Action]: ReadonlyArray<string> } = {
    Retry: ["UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "TXN_SECURITY_METERING_ERROR"],
    EndEarly: ["REQUEST_LIMIT_EXCEEDED", "STORAGE_LIMIT_EXCEEDED"],
    PauseConnection: ["INVALID_SESSION_ID"],
    Quarantine: [
      "REQUIRED_FIELD_MISSING",
      "FIELD_CUSTOM_VALIDATION_EXCEPTION",
      "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
      "STRING_TOO_LONG",
      "DUPLICATES_DETECTED",
      "DUPLICATE_VALUE",
      "INSUFFICIENT_ACCESS_OR_READONLY",
      "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
      "ENTITY_IS_DELETED",
      "MALFORMED_ID",
      "INVALID_FIELD",
      "SOMETHING_NEW_IN_2030",
      ""
    ],
    Resync: [],
    Stop: []
  }
  for (const [action, list] of Object.entries(records)) {
    for (const code of list) {
      it(`a record refused with ${code === "" ? "no code" : code} causes ${action}`, () => {
        assert.equal(ErrorCode.ofRecord(code), action)
      })
    }
  }

  it("one record never stops a run nor resyncs a lane", () => {
    for (const code of codes) assert.ok(!["Stop", "Resync"].includes(ErrorCode.ofRecord(code)), code)
  })

  it("the page that people read says what the table says", () => {
    const written = fs.readFileSync(new URL("../../../docs/salesforce-errors.md", import.meta.url), "utf8")
    // The formatter pads tables with spaces and dashes.
    const plain = (text: string) =>
      text
        .replace(/-{3,}/g, "---")
        .replace(/[ \t]+/g, " ")
        .trim()
    assert.equal(plain(written), plain(page))
  })
})
