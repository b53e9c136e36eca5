import * as lethe from '../../../src/web.js'

// All that `lethe/web` exports, so that nothing is shaken out.
Object.assign(globalThis, { lethe })
