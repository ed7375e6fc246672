"""Where a trained translator goes next, each part with an extra of its own. Read:

page_answer       what a visitor of the web page may use, and gets: translations and sentences
page_translator   what the page does: uploaded pictures in, translations and sentences out
page_reader       decodes an uploaded picture in a process of its own, with bounds on time, memory and pixels
page_files        the page's files, in a folder that ends with the process
page              how the page looks, and what happens where (Gradio)
page_server       serves the page: what may be asked for, how much may be sent, on which address
network_card      what an exported file says about its network
program           halves, or one direction, as programs of torch.export for images of any size
program_files     those programs as files, ONNX or .pt2, and such files opened again
export            exports the packs of several domains to a folder
comparison        exported files beside the packs they came from: the largest difference
export_readme     the README beside the files, with the lines of Python that translate a picture
remote            a folder anywhere that fsspec opens
listing           the files of shared packs, with sizes and hashes; what is not trusted of them
push              packs to a folder anywhere
model_card        the page that goes with them
pull              packs from a folder anywhere, checked; a broken transfer is taken up
"""
