"""The course: its syllabus, the figures of its lessons, and the errata of its sources.

``syllabus`` maps each row of the contents to the functions, the tests and the figure that stand for it; ``figures`` draws;
``errata`` decides, by code that runs on the spot, every printed figure of the sources that is wrong or misleading.
"""
