// SPDX-License-Identifier: MIT OR Apache-2.0
// Text that comes in pieces: how much of it may go out.
#ifndef WM_STOP_H
#define WM_STOP_H

#include "../base/base.h"

// How many bytes of `text`, which is what has been decoded and not yet gone out, may go out now.
// Held back are: the end, as long as it may become a stop string; and a character whose bytes are
// not all there. Where a stop string is in it, *stopped, and what may go out ends before it; of
// several, the one that is complete first counts, and of those the longest. `last`: nothing
// follows, so nothing but a stop string is held back. The outcome does not depend on how the text
// was cut into pieces.
size_t wm_stop_scan(wm_span text, const wm_span *stops, size_t stop_count, bool last,
                    bool *stopped);

#endif
