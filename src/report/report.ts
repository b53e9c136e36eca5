import type { ReportFacts } from './facts.js'
import { escapeText } from './html.js'
import {
  askedSection,
  detailsSection,
  digestsSection,
  facesSection,
  figuresSection,
  modelsSection,
  verdictSection,
} from './sections.js'
import { styleSheet } from './style.js'

/**
 * The report as one self-contained HTML page: no scripts, nothing loaded from anywhere, readable in light and dark and
 * on paper. First the verdict in plain words, then the models side by side, the figures, the details, the digests.
 *
 * Every text of the facts is escaped. Throws `data-format` where a picture is not PNG data.
 */
export function writeReport(facts: ReportFacts): string {
  return [
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">`,
    `<title>${escapeText(facts.title)}</title><style>${styleSheet}</style></head><body><main>`,
    `<header><h1>${escapeText(facts.title)}</h1><p class="when">${escapeText(facts.when)}</p></header>`,
    verdictSection(facts),
    modelsSection(facts),
    askedSection(facts),
    facesSection(facts),
    figuresSection(facts),
    detailsSection(facts),
    digestsSection(facts),
    `<footer>Made by ${escapeText(facts.software)}.</footer></main></body></html>\n`,
  ].join('\n')
}
