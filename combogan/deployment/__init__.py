"""Where a trained translator goes next, each part with an extra of its own. Read:

page_translator   what the web page does: uploaded pictures in, translations and sentences out
page_reader       decodes an uploaded picture in a process of its own, with bounds on time, memory and pixels
page_files        the page's files, in a folder that ends with the process
page              how the page looks, and what happens where (Gradio)
page_server       serves the page: what may be asked for, how much may be sent, on which address
"""
