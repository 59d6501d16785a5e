// Goal: whoever is killed wherever, the copy is in step, and programs can read that it is. Guarantees: L13, L26, L27, L32, L49.
// Method: the commands as a user runs them, with fewer records.
import { spawn } from "node:child_process"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { describe, it } from "vitest"
import { report } from "../src/demo.ts"

const main = path.join(import.meta.dirname, "../src/main.ts")

const run = (...args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: number | null; readonly out: string; readonly errors: string }>((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] })
    let [out, errors] = ["", ""]
    child.stdout.on("data", (data) => (out += data))
    child.stderr.on("data", (data) => (errors += data))
    child.once("close", (code) => resolve({ code, out, errors }))
  })

const last = (text: string) => JSON.parse(text.trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>

const files = ["upstream", "visible", "rows", "items", "events", "lanes", "kills"].map((name) => `${name}.jsonl`)

describe("kills", () => {
  it("L13 L49 nothing is lost, doubled or stale after SIGKILLs in and outside transactions", async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "kills-"))
    const { code, errors, out } = await run("kills", "--kills=6", "--records=600", "--seed=3", `--history=${directory}`)
    assert.equal(code, 0, errors)
    const { events, kills_in_tx, records_per_second, seconds, ...rest } = last(out)
    assert.deepEqual({ ...rest, records: 0 }, { ok: true, lost: 0, doubled: 0, stale: 0, kills: 6, records: 0 })
    assert.ok(Number(kills_in_tx) >= 2 && Number(records_per_second) > 0 && Number(seconds) > 0)
    const { expected, found } = events as { readonly expected: number; readonly found: number }
    assert.ok(expected >= 600 && expected === found)
    assert.deepEqual(fs.readdirSync(directory).toSorted(), [...files, "final.json"].toSorted())
    fs.rmSync(directory, { recursive: true })
  }, 120_000)

  it("numbers that are none are named, with exit code 2", async () => {
    const { code, errors, out } = await run("kills", "--kills=0")
    assert.deepEqual([code, out.includes("{")], [2, false])
    assert.match(errors, /kills/)
  })
})

describe("demo", () => {
  it("tells a person what was found", () => {
    const verdict = { ok: true, lost: 0, doubled: 0, stale: 0, kills: 9, kills_in_tx: 7, records: 21_078 }
    const text = report({ ...verdict, events: { expected: 21_893, found: 21_893 } }, 30, undefined)
    assert.match(text, /^The copy is in step with the org\.\n[^]*lost +0\n[^]*21,893 of 21,893\n +kills +9, 7 of them/)
    const bad = report({ ...verdict, ok: false, lost: 3, events: { expected: 2, found: 1 } }, 30, "DIR")
    assert.match(bad, /^The copy is NOT in step with the org\.\n[^]*lost +3\n[^]*history +DIR$/)
  })

  it("L26 L27 ends with one JSON line for programs, each event handled once and in order", async () => {
    const { code, errors, out } = await run("demo", "--records=800", "--json")
    assert.equal(code, 0, errors)
    assert.match(errors, /800 of 800/)
    const names = ["ok", "lost", "doubled", "stale", "events", "kills", "kills_in_tx", "records", "seconds", "handled"]
    const found = last(out)
    assert.deepEqual(Object.keys(found), names)
    const { expected } = found["events"] as { readonly expected: number }
    assert.ok(expected > 800)
    assert.deepEqual(found["handled"], { expected, found: expected })
    assert.equal(out.trimEnd().split("\n").length, 1)
  }, 240_000)
})
