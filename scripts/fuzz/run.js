// @ts-check
// Runs the fuzz tests for long: other seeds every round, until one fails or the rounds are done.
// Usage: node scripts/fuzz/run.js graphs|bytes|data [ROUNDS] [SIZE]
//   ROUNDS  how often (default 10); SIZE  how many times the work of the test suite a round is (default 20)
// A failure is shown with its seed; the same LETHE_FUZZ_SEED and LETHE_FUZZ bring it back.
import { spawnSync } from 'node:child_process'

const [what = 'graphs', rounds = '10', size = '20'] = process.argv.slice(2)
const begin = Math.floor(Date.now() / 1000) % 1_000_000_000
for (let i = 0; i < Number(rounds); i++) {
  const seed = String(begin + i * 1_000_000)
  console.log(`round ${i + 1} of ${rounds}: LETHE_FUZZ_SEED=${seed} LETHE_FUZZ=${size} vitest run test/fuzz/${what}`)
  const { status } = spawnSync('npx', ['vitest', 'run', `test/fuzz/${what}.test.ts`], {
    env: { ...process.env, LETHE_FUZZ: size, LETHE_FUZZ_SEED: seed },
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}
