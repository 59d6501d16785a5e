// Goal: programs can start the simulator, read where it is, drive it, and end it by closing its input.
import { spawn } from "node:child_process"
import * as path from "node:path"
import assert from "node:assert/strict"
import { describe, it } from "vitest"

const main = path.join(import.meta.dirname, "../src/main.ts")

const start = (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [main, "simulator", ...args], { stdio: ["pipe", "pipe", "pipe"] })
  let err = ""
  child.stderr.on("data", (data) => (err += data))
  const line = new Promise<string>((resolve) => {
    let text = ""
    child.stdout.on("data", (data: Buffer) => {
      text += data.toString()
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")))
    })
  })
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve))
  return { child, line, closed, error: () => err }
}

describe("simulator", () => {
  it("prints where it is, lets its clock be set and its records be changed, and ends with its input", async () => {
    const { child, closed, line } = start("salesforce", "--port", "0", "--seed", "1", "--accounts", "30")
    const { apiVersion, token, url } = JSON.parse(await line) as { url: string; token: string; apiVersion: string }
    const post = async (where: string, body: unknown) =>
      (await fetch(`${url}${where}`, { method: "POST", body: JSON.stringify(body) })).json() as Promise<
        Record<string, unknown>
      >
    const before = await post("/__clock", { advance: 0 })
    const after = await post("/__clock", { advance: 60_000 })
    assert.equal(Date.parse(String(after["now"])) - Date.parse(String(before["now"])), 60_000)
    await post("/__mutate", { ops: [{ op: "create", entity: "Account", fields: { Name: "New" } }] })
    const state = (await (await fetch(`${url}/__state`)).json()) as { entities: { Account: Record<string, unknown> } }
    assert.equal(Object.keys(state.entities.Account).length, 31)
    const query = `${url}/services/data/v${apiVersion}/query?q=${encodeURIComponent("SELECT Id FROM Account")}`
    const answer = await fetch(query, { headers: { authorization: `Bearer ${token}` } })
    assert.equal(((await answer.json()) as { totalSize: number }).totalSize, 31)
    child.stdin.end()
    assert.equal(await closed, 0)
  })

  it("faults and limits are given by name, and the state tells what was met", async () => {
    const flags = ["--accounts", "3", "--fault", "500", "--fault", "429Absent", "--daily-limit", "4"]
    const { child, closed, line } = start("salesforce", ...flags)
    const { token, url } = JSON.parse(await line) as { url: string; token: string }
    const statuses: Array<number> = []
    for (let request = 0; request < 7; request++) {
      const answer = await fetch(`${url}/services/data/v66.0/sobjects`, {
        headers: { authorization: `Bearer ${token}` }
      })
      statuses.push(answer.status)
      await answer.text()
    }
    assert.deepEqual(statuses, [200, 200, 500, 429, 200, 200, 403])
    const state = (await (await fetch(`${url}/__state`)).json()) as { faults: Record<string, number> }
    assert.deepEqual(state.faults, { "500": 1, "429Absent": 1 })
    child.stdin.end()
    assert.equal(await closed, 0)
  })

  it.each([
    ["accounts", ["--accounts", "-5"]],
    ["fault", ["--fault", "unheard-of"]],
    ["dailyLimit", ["--daily-limit", "-1"]]
  ])("wrong options are named, with exit code 2: %s", async (name, flags) => {
    const { closed, error } = start("salesforce", ...flags)
    assert.equal(await closed, 2)
    assert.match(error(), new RegExp(name))
  })
})
