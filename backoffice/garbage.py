"""Python's collector of cycles, told what a process of ours is like.

After a start there are some 200,000 objects that live as long as the process: models, forms, addresses. Looking at all
of them takes more than 100 ms, which every twentieth page or so would wait for, and a pull once a batch.
"""

import gc

# New objects until the young ones are looked at. A batch of 500 orders is tens of thousands of objects that all live
# until it is written; at Python's 700 they are looked at a hundred times for nothing.
YOUNG = 10_000


def settle() -> None:
    """Whatever is here by now stays: it is not looked at again. To be called when a process has loaded its code."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
