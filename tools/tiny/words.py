# SPDX-License-Identifier: MIT OR Apache-2.0
"""The text that the tiny tokenizers are learnt from, and the texts that the goldens embed. Written for this project."""

LEARN = """\
the river runs past the old mill, and the miller's cat sleeps on the warm stones beside the water wheel
a train left the station at half past nine; nobody on the platform noticed that the last carriage was empty
when the rain stopped, the children ran outside to see whether the garden had become a lake
she reads three newspapers every morning and believes none of them, but she likes the crossword
the engine needs oil, the tyres need air, and the driver needs a cup of strong coffee before the mountain road
prices of bread and butter rose by seven percent, while wages stayed where they were
unhappily the unbelievable rumour was unfounded: walking, talking, singing, ringing, running, jumping
the teacher explained the theorem twice, once with a picture and once without, and asked for questions
snow fell on the harbour, on the boats, on the lighthouse and on the keeper's red bicycle
If you water the tomatoes in the evening, they won't dry out; that's what my grandmother used to say.
The Museum opens on Tuesday. Mr. Okafor and Dr. Lindqvist will speak in London, Paris and New York!
Café au lait, déjà vu, naïve façade; Größe, Straße, über, schön, Mädchen; señor, mañana, niño.
Добрый день, как дела? Хорошая погода сегодня. Καλημέρα, τι κάνεις; ο δρόμος, οι δρόμοι.
今天 天气 很好 我们 去 公园 日本 東京 さくら 한국 서울 नमस्ते
"""

# What each golden embeds: mixed in length, case, script; what WordPiece cannot spell; nothing at all.
TEXTS = [
    "The river runs past the old mill.",
    "  Nobody noticed that the last carriage was EMPTY!\n",
    "Café Größe: déjà vu, naïve señor — 12.5% of 1,000€",
    "Добрый день! Καλημέρα, ο ΔΡΌΜΟΣ. 今天天气很好 さくら 서울 नमस्ते",
    "\u3000\u00a0tabs\tand\u200bzero-width, e\u0301 and \u00c5, 😀👩‍👧 [SEP] <mask>\u00a0",
    "",
    "unbelievably, " * 40 + "the end",
]
